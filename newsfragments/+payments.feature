Expected payments: `create_payment`, `get_payment`, `list_payments` and `GET /payments`; `payment_update` tells when one is detected, confirmed, orphaned or expired.
