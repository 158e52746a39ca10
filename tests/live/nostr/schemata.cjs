// What the relay says, by the schemas that others have made of the protocol. There are none of NIP-77, and that of COUNT
// does not know NIP-45's `hll`: it is checked here and left out there.
const Ajv = require("ajv");

const NIPS = "@nostrability/schemata/dist/nips";
const PLACES = {
  OK: "nip-01/messages/relay-ok", EVENT: "nip-01/messages/relay-event", EOSE: "nip-01/messages/relay-eose",
  CLOSED: "nip-01/messages/relay-closed", NOTICE: "nip-01/messages/relay-notice", COUNT: "nip-45/messages/relay-count",
  AUTH: "nip-42/messages/relay-auth", "NIP-11": "nip-11",
};
const WITHOUT = ["NEG-MSG", "NEG-ERR"];
const checks = new Map();

function check(name) {
  if (!checks.has(name)) {
    const schema = require(`${NIPS}/${PLACES[name]}/schema.json`);
    checks.set(name, new Ajv({ strict: false, allErrors: true }).compile(schema));
  }
  return checks.get(name);
}

function withoutRegisters(frame) {
  const { hll, ...rest } = frame[2];
  return /^[0-9a-f]{512}$/.test(hll) ? [frame[0], frame[1], rest] : frame;
}

function faultsOf(name, value) {
  if (WITHOUT.includes(name)) return [];
  if (!(name in PLACES)) return [`${name} is no message of a relay`];
  return check(name)(value) ? [] : check(name).errors.map(({ instancePath, message }) => `${name}${instancePath} ${message}`);
}

exports.faultsOfFrame = (frame) => faultsOf(frame[0], frame[0] === "COUNT" ? withoutRegisters(frame) : frame);
exports.faultsOfInformation = (document) => faultsOf("NIP-11", document);
