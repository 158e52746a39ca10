// nostr-tools: its Relay, with AUTH when the relay asks for it, COUNT, and its negentropy.
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { Relay } from "nostr-tools/relay";
import * as nip11 from "nostr-tools/nip11";
import { NegentropyStorageVector, NegentropySync } from "./node_modules/nostr-tools/lib/esm/nip77.js";
import { draft, signal, tell, topic, url, within } from "./common.mjs";

const secret = generateSecretKey();
const sign = async (template) => finalizeEvent(template, secret);
const relay = await Relay.connect(url);
const wanted = { kinds: [1], "#t": [topic] };

let published = 0;
for (const number of [1, 2, 3]) published += (await relay.publish(await sign(draft(number)))) !== undefined;

const queried = signal(), found = [], heard = signal();
relay.subscribe([wanted], {
  onevent: (event) => (queried.done ? heard.give(event.content) : found.push(event)),
  oneose: () => { queried.done = true; queried.give(found.length); },
});
const count = await within("EOSE", queried.promise);
await relay.publish(await sign(draft(4)));

relay.onauth = sign;
let refusal = "";
const hidden = await sign(draft(5, true));
await relay.publish(hidden).catch((error) => (refusal = error.message));
await relay.auth(sign);
await relay.publish(hidden);

const storage = new NegentropyStorageVector();
storage.insert(found[0].created_at, found[0].id);
storage.seal();
const need = [], over = signal();
const sync = new NegentropySync(relay, storage, wanted, { onneed: (id) => need.push(id), onclose: (error) => over.give(error ?? "") });
await sync.start();
const trouble = await within("the end of the negentropy", over.promise);

tell({
  published, queried: count, heard: (await within("a live event", heard.promise)) === draft(4).content, refusal: refusal.split(":")[0],
  protected: true, counted: await relay.count([wanted], {}), missing: need.length, trouble,
  information: (await nip11.fetchRelayInformation(url)).supported_nips.includes(11),
});
