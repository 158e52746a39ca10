// Talk to a relay through anybody: every message is encrypted for the relay with this identity key, by WebCrypto alone.
// Usage: node encrypted.mjs ws://127.0.0.1:8090 IDENTITY_KEY     (`sdkrelay identity` prints the key)
// Needs a global WebSocket: browsers and node 22 have one; for node 20 put one there (npm install ws).

const [url, identityKey] = process.argv.slice(2);
const { subtle } = globalThis.crypto;
const text = new TextEncoder();
const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const decode = (words) => Uint8Array.from(atob(words), (letter) => letter.charCodeAt(0));
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...new Uint8Array(part)]));

class Channel {
  // `keys` are ours (X25519), `answer` is the handshake response.
  static async agree(keys, answer) {
    const { public_key: relay, identity_key: identity } = answer.encryption;
    if (identity !== identityKey) throw new Error(`another relay: ${identity}`);
    const ours = await subtle.exportKey("raw", keys.publicKey);
    const secrets = await Promise.all([relay, identity].map((key) => sharedSecret(keys.privateKey, decode(key))));
    const salt = await subtle.digest("SHA-256", join(ours, decode(relay), decode(identity), text.encode(answer.session_id)));
    const secret = await subtle.importKey("raw", join(...secrets), "HKDF", false, ["deriveKey"]);
    const channel = new Channel();
    channel.associated = text.encode(answer.session_id);
    channel.sealing = await derived(secret, salt, "sdkrelay/1 client to relay", "encrypt");
    channel.opening = await derived(secret, salt, "sdkrelay/1 relay to client", "decrypt");
    channel.sent = channel.received = 0;
    return channel;
  }

  async seal(message) {
    const iv = counter(this.sent++);
    const parameters = { name: "AES-GCM", iv, additionalData: this.associated };
    const data = await subtle.encrypt(parameters, this.sealing, text.encode(JSON.stringify(message)));
    return JSON.stringify({ type: "encrypted_message", encryption: "AES-256-GCM", data: encode(data), iv: encode(iv) });
  }

  async open(envelope) {
    const iv = counter(this.received++);
    if (envelope.type !== "encrypted_message" || envelope.iv !== encode(iv)) throw new Error(`not encrypted: ${JSON.stringify(envelope)}`);
    const parameters = { name: "AES-GCM", iv, additionalData: this.associated };
    const words = await subtle.decrypt(parameters, this.opening, decode(envelope.data));
    return JSON.parse(new TextDecoder().decode(words));
  }
}

async function sharedSecret(privateKey, publicKey) {
  const peer = await subtle.importKey("raw", publicKey, "X25519", false, []);
  const secret = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: peer }, privateKey, 256));
  if (secret.every((byte) => byte === 0)) throw new Error("a public key of small order");
  return secret;
}

function derived(secret, salt, info, usage) {
  const parameters = { name: "HKDF", hash: "SHA-256", salt, info: text.encode(info) };
  return subtle.deriveKey(parameters, secret, { name: "AES-GCM", length: 256 }, false, [usage]);
}

function counter(number) {
  const iv = new DataView(new ArrayBuffer(12));
  iv.setBigUint64(4, BigInt(number));
  return new Uint8Array(iv.buffer);
}

async function main() {
  const keys = await subtle.generateKey("X25519", false, ["deriveBits"]);
  const offer = { scheme: "X25519-HKDF-SHA256-AES-256-GCM", public_key: encode(await subtle.exportKey("raw", keys.publicKey)) };
  const socket = new WebSocket(url);
  let channel = null;
  let turn = Promise.resolve(); // messages are opened in the order in which they came

  async function receive(message) {
    if (channel !== null) return tell(await channel.open(message));
    if (message.type !== "handshake_response" || !message.encryption) throw new Error(JSON.stringify(message));
    channel = await Channel.agree(keys, message);
    socket.send(await channel.seal({ type: "subscribe", subscriptions: ["blocks"], id: "1" }));
    socket.send(await channel.seal({ type: "ping", id: "2" }));
  }

  socket.onopen = () => socket.send(JSON.stringify({ type: "handshake", version: "1.0.0", encryption: offer }));
  socket.onmessage = (event) => {
    turn = turn.then(() => receive(JSON.parse(event.data))).catch((error) => {
      console.error(error.message);
      socket.close();
      process.exitCode = 1;
    });
  };
  socket.onclose = (event) => console.log("closed", event.code);
}

function tell(message) {
  console.log("decrypted", message.notification_type ?? message.type, JSON.stringify(message));
}

main();
