/** What users import from "varve/testing": a log for their own tests, and what it is made of. */

export { TestClock, type TestClockOptions } from "./clock.ts";
export { createTestLog, type LeakReport, type TestLog, type TestLogOptions } from "./create-test-log.ts";
export { type Fault, type FaultOperation, type FaultTarget, FaultyFiles, type ShortWrite } from "./faults.ts";
