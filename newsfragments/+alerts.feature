Alerts: conditions over the relay's figures (`alert_config`, `GET /alerts`, topic `alerts`), told to subscribers, the log and a signed webhook.
