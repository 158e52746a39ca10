// NDK: signs, publishes, fetches, subscribes and counts with its pool, and signs in when it is asked; no relays of its own choice.
import NDKModule, { NDKEvent, NDKPrivateKeySigner, NDKRelayAuthPolicies } from "@nostr-dev-kit/ndk";
import { draft, signal, tell, topic, url, within } from "./common.mjs";

const NDK = NDKModule.default ?? NDKModule;
const ndk = new NDK({ explicitRelayUrls: [url], enableOutboxModel: false, signer: NDKPrivateKeySigner.generate() });
ndk.relayAuthDefaultPolicy = NDKRelayAuthPolicies.signIn({ ndk });
await ndk.connect(5_000);
const wanted = { kinds: [1], "#t": [topic] };
const publish = async (number, isProtected) => (await new NDKEvent(ndk, draft(number, isProtected)).publish()).size;

let published = 0;
for (const number of [1, 2, 3]) published += await publish(number);
const queried = (await within("a fetch", ndk.fetchEvents(wanted))).size;

const ready = signal(), heard = signal();
const subscription = ndk.subscribe({ ...wanted, since: draft(4).created_at }, { closeOnEose: false });
subscription.on("eose", () => ready.give());
subscription.on("event", (event) => heard.give(event.content));
await within("EOSE", ready.promise);
await publish(4);
const live = await within("a live event", heard.promise);
const signedIn = await within("the protected event", publish(5, true));
tell({ published, queried, heard: live === draft(4).content, protected: signedIn === 1, counted: (await ndk.count({ kinds: [1], authors: [ndk.activeUser.pubkey] })).count, people: (await ndk.count(wanted)).count });
