// nostr-fetch: pages through what is stored, several events in the same second among it; it only reads.
import { NostrFetcher } from "nostr-fetch";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { Relay } from "nostr-tools/relay";
import { draft, tell, topic, url, within } from "./common.mjs";

const secret = generateSecretKey();
const relay = await Relay.connect(url);
const events = Array.from({ length: 60 }, (_, number) => finalizeEvent({ ...draft(number % 20), content: `${number}` }, secret));
await Promise.all(events.map((event) => relay.publish(event)));

const fetcher = NostrFetcher.init({ webSocketConstructor: WebSocket });
const wanted = { kinds: [1], "#t": [topic] };
const all = await within("all", fetcher.fetchAllEvents([url], wanted, {}, { sort: true, limitPerReq: 7 }));
const latest = await within("the latest", fetcher.fetchLatestEvents([url], wanted, 10));
const last = await within("the last", fetcher.fetchLastEvent([url], { authors: [getPublicKey(secret)] }));
tell({ queried: new Set(all.map(({ id }) => id)).size, latest: latest.length, last: last.created_at === draft(19).created_at });
