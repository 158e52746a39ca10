// What all the scripts share: the relay's address, the end of a run, and waiting for something with an end to the patience.
export const url = process.argv[2];
const began = Math.floor(Date.now() / 1000) - 100;
export const topic = `topic-${process.pid}-${Date.now()}`;

/** Print what came of it, and end: some clients keep a timer or a connection for ever. */
export function tell(outcome) {
  process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
}

/** The promise, or a failure that says what did not happen within 20 seconds. */
export function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not happen: ${what}`)), 20_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A promise with the function that keeps it. */
export function signal() {
  let give;
  const promise = new Promise((resolve) => (give = resolve));
  return { promise, give };
}

/** What an event of this scenario has before it is signed; protected ones are for their author alone to publish (NIP-70). */
export function draft(number, isProtected = false) {
  const tags = [["t", topic], ...(isProtected ? [["-"]] : [])];
  return { kind: 1, content: `note ${number} – ${topic} ⚡`, tags, created_at: began + number };
}
