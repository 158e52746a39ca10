// Reads {frames, information} and prints what the schemas have against any of it.
const { readFileSync } = require("node:fs");
const { faultsOfFrame, faultsOfInformation } = require("./schemata.cjs");

const { frames, information } = JSON.parse(readFileSync(0, "utf8"));
const faults = frames.flatMap((frame) => faultsOfFrame(frame).map((fault) => `${JSON.stringify(frame).slice(0, 300)}: ${fault}`));
console.log(JSON.stringify([...faults, ...faultsOfInformation(information)]));
