// Print the relay's own state and every new block. Usage: node watch_blocks.mjs ws://127.0.0.1:8090
// Needs a global WebSocket: browsers and node 22 have one; for node 20 put one there (npm install ws).

const [url] = process.argv.slice(2);
let position = null; // where to go on after a lost connection: nothing is missed, nothing is told twice

function connect() {
  const socket = new WebSocket(url);
  socket.onopen = () => {
    const handshake = { type: "handshake", version: "1.0.0", client_id: "watch-blocks", capabilities: ["notifications", "sync"] };
    socket.send(JSON.stringify(position === null ? handshake : { ...handshake, since: position }));
  };
  socket.onmessage = (event) => tell(JSON.parse(event.data));
  socket.onerror = () => {}; // onclose follows
  socket.onclose = () => setTimeout(connect, 1000);
}

function tell(message) {
  position = message.position ?? position;
  if (message.type === "handshake_response") {
    console.log("connected to", message.relay_id, "at", message.position);
  } else if (message.type === "sync" && message.payload.state) {
    console.log("state:", message.payload.state.status, "at block", message.payload.state.last_block);
  } else if (message.notification_type === "block_mined") {
    console.log("block", message.data.block_height, message.data.block_hash);
  }
}

connect();
