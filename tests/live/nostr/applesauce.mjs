// applesauce-relay: publishes, requests, subscribes, counts, reconciles in both directions, and authenticates.
import { Relay, SyncDirection } from "applesauce-relay/relay";
import { lastValueFrom, toArray } from "rxjs";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { draft, signal, tell, topic, url, within } from "./common.mjs";

const secret = generateSecretKey();
const signer = { signEvent: (template) => finalizeEvent(template, secret) };
const sign = (number, isProtected) => signer.signEvent(draft(number, isProtected));
const relay = new Relay(url);
const wanted = { kinds: [1], "#t": [topic] };

let published = 0;
const first = [1, 2, 3].map((number) => sign(number));
for (const event of first) published += (await relay.publish(event)).ok;
const queried = (await lastValueFrom(relay.request(wanted).pipe(toArray()))).length;

const heard = signal(), ready = signal();
relay.req({ ...wanted, since: draft(4).created_at }).subscribe((message) => {
  const type = message.type ?? message[0] ?? message;
  if (type === "EOSE") ready.give();
  else if (message.event) heard.give(message.event.content);
});
await within("EOSE", ready.promise);
await relay.publish(sign(4));
const live = await within("a live event", heard.promise);

const had = [first[0], sign(6)];
const received = await within("the reconciliation", lastValueFrom(relay.sync(had, wanted, SyncDirection.BOTH).pipe(toArray())));
const { count } = await lastValueFrom(relay.count(wanted));

const hidden = sign(5, true);
const refusal = (await lastValueFrom(relay.event(hidden))).message;
await relay.authenticate(signer);
const isProtected = (await lastValueFrom(relay.event(hidden))).ok;
const information = await relay.getInformation();
tell({
  published, queried, heard: live === draft(4).content, missing: received.length, counted: count,
  refusal: refusal.split(":")[0], protected: isProtected, information: information.supported_nips.includes(77),
});
