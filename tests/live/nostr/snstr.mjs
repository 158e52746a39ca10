// snstr: publishes, fetches, subscribes, and authenticates by hand.
import { createSignedAuthEvent, generateKeypair, Nostr, RelayEvent } from "snstr";
import { draft, signal, tell, topic, url, within } from "./common.mjs";
import { finalizeEvent } from "nostr-tools/pure";

const { privateKey } = await generateKeypair();
const sign = (number, isProtected) => finalizeEvent(draft(number, isProtected), Buffer.from(privateKey, "hex"));
const client = new Nostr([url]), challenge = signal();
client.on(RelayEvent.Auth, (_, text) => challenge.give(text));
client.setPrivateKey(privateKey);
await client.connectToRelays();
const wanted = { kinds: [1], "#t": [topic] };
const publish = async (event) => (await client.publishEvent(event)).success;

let published = 0;
for (const number of [1, 2, 3]) published += await publish(sign(number));
const queried = (await client.fetchMany([wanted], { maxWait: 5_000 })).length;

const ready = signal(), heard = signal();
client.subscribe([{ ...wanted, since: draft(4).created_at }], (event) => heard.give(event.content), () => ready.give());
await within("EOSE", ready.promise);
await publish(sign(4));
const live = await within("a live event", heard.promise);

const hidden = sign(5, true), before = await publish(hidden);
const proof = await createSignedAuthEvent(await within("a challenge", challenge.promise), url, privateKey);
await client.getRelay(url).authenticate(proof);
tell({ published, queried, heard: live === draft(4).content, before, protected: await publish(hidden) });
