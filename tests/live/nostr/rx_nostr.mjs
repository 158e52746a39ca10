// rx-nostr: sends, asks once, follows, and signs in when it is asked; it verifies each event it is given.
import { seckeySigner, verifier } from "@rx-nostr/crypto";
import { generateSecretKey } from "nostr-tools/pure";
import { createRxBackwardReq, createRxForwardReq, createRxNostr } from "rx-nostr";
import { draft, signal, tell, topic, url, within } from "./common.mjs";

const secret = Buffer.from(generateSecretKey()).toString("hex");
const rxNostr = createRxNostr({ verifier, signer: seckeySigner(secret), authenticator: "auto", websocketCtor: WebSocket });
rxNostr.setDefaultRelays([url]);
const wanted = { kinds: [1], "#t": [topic] };

/** Whether the relay said yes at last; an `auth-required` before it is answered by the client itself. */
function publish(number, isProtected) {
  const done = signal();
  let ok = false;
  rxNostr.send(draft(number, isProtected)).subscribe({
    next: (packet) => (ok = packet.ok), complete: () => done.give(ok), error: () => done.give(false),
  });
  return within(`the OK of ${number}`, done.promise);
}

let published = 0;
for (const number of [1, 2, 3]) published += await publish(number);

const asking = createRxBackwardReq(), found = [], asked = signal();
rxNostr.use(asking).subscribe({ next: ({ event }) => found.push(event), complete: () => asked.give(found.length) });
asking.emit(wanted);
asking.over();
const queried = await within("the answer", asked.promise);

const following = createRxForwardReq(), heard = signal();
const eose = signal();
rxNostr.createAllMessageObservable().subscribe((packet) => packet.type === "EOSE" && eose.give());
rxNostr.use(following).subscribe(({ event }) => heard.give(event.content));
following.emit({ ...wanted, since: draft(4).created_at });
await within("EOSE", eose.promise);
await publish(4);
const live = await within("a live event", heard.promise);
tell({ published, queried, heard: live === draft(4).content, protected: await publish(5, true) });
