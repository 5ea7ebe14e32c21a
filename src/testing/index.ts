/** What users import from "varve/testing": a log or a broker for their own tests, and what these are made of. */

export { TestClock, type TestClockOptions } from "./clock.ts";
export { createTestLog, type TestLog, type TestLogOptions } from "./create-test-log.ts";
export { type Fault, type FaultOperation, type FaultTarget, FaultyFiles, type ShortWrite } from "./faults.ts";
export type { LeakReport } from "./leaks.ts";
export { startBroker, type TestBroker, type TestBrokerOptions } from "./start-broker.ts";
