// The global WebSocket of browsers, for node 20; whatever comes through it must be what the schemas say.
const { faultsOfFrame } = require("./schemata.cjs");

globalThis.WebSocket = class extends require("ws") {
  constructor(...given) {
    super(...given);
    this.on("message", (data) => {
      const faults = faultsOfFrame(JSON.parse(data));
      if (faults.length === 0) return;
      console.error(`${data}\n${faults.join("\n")}`);
      process.exit(3);
    });
  }
};
