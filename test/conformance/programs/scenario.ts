/** One of everything, in a fixed order: what is killed at each of its system calls. */
import { Desk } from "./desk.ts";
import { say, told, type Varve } from "./speaking.ts";

const { varve, data } = told();
const { open }: Varve = await import(varve);

const first = new Desk(await open(data, { flushMs: 10 }));
say({ type: "opened" });
await first.create("process", { partitions: 2, segmentBytes: 1024 });
await first.create("power", { partitions: 1, segmentBytes: 1024, durability: "power" });
for (let i = 0; i < 8; i++) {
  await Promise.all([first.send("process", 0), first.send("process", 1), first.send("power", 0)]);
}
first.appendSync("power", 0);
await first.readWithGroup(["process", "power"], "end");
await first.deleteRecords("process", 0, 6);
await first.log.flush();
await first.create("short", { partitions: 1, segmentBytes: 1024 });
await first.sendBatch("short", 0, 5);
await first.truncate("short", 0);
await first.sendBatch("short", 0, 2);
await first.create("doomed", { partitions: 2 });
await first.sendBatch("doomed", 1, 3);
await first.drop("doomed", 2);
await first.log.close();

const second = new Desk(await open(data));
for (const topic of ["process", "power", "short"]) await second.look(topic);
await second.sendBatch("process", 1, 4);
await second.send("power", 0);
await second.readWithGroup(["process", "power"], "end");
await second.log.close();
say({ type: "closed" });
