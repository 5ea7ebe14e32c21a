/** The checker, checked: a good history is passed, and each way in which it may be spoilt is called by its name. */
import { expect, it } from "vitest";
import { check } from "./checker.ts";
import type { Anomaly, Event } from "./history.ts";

const t = { topic: "t", partition: 0 };
const send = (id: string, more: { tx?: string; isOnce?: boolean } = {}): Event => {
  return { type: "sending", producer: "p", id, ...t, isOnce: true, ...more };
};
const acked = (id: string, offset: number): Event => ({ type: "acked", id, offset });
const polled = (id: string, offset: number): Event => ({ type: "polled", consumer: "c", ...t, offset, id });
const final = (...records: [number, string][]): Event => {
  return { type: "final", ...t, end: 9, records: records.map(([offset, id]) => ({ offset, id })) };
};

/** Two plain records, a committed transaction, one that was aborted; a member of "g" has read what there is. */
const good: Event[] = [
  { type: "begun", consumer: "c", group: "g", ...t, offset: 0 },
  send("a"),
  acked("a", 0),
  send("b"),
  acked("b", 1),
  polled("a", 0),
  send("x1", { tx: "x" }),
  send("x2", { tx: "x" }),
  { type: "ending", tx: "x", outcome: "commit" },
  polled("b", 1),
  { type: "ended", tx: "x", outcome: "commit" },
  send("y", { tx: "y" }),
  { type: "ending", tx: "y", outcome: "abort" },
  { type: "ended", tx: "y", outcome: "abort" },
  polled("x1", 2),
  polled("x2", 3),
  { type: "committing", group: "g", ...t, offset: 4 },
  { type: "committed", group: "g", ...t, offset: 4 },
  final([0, "a"], [1, "b"], [2, "x1"], [3, "x2"]),
];

it("a good history is passed", () => {
  expect(check(good, ["g"])).toEqual([]);
});

it("what was tried when a process was killed may have happened or not", () => {
  const killed = [
    send("a"),
    send("b"),
    send("x", { tx: "x" }),
    { type: "ending", tx: "x", outcome: "commit" },
  ] as Event[];
  expect(check([...killed, final()])).toEqual([]);
  expect(check([...killed, final([0, "a"], [1, "b"], [2, "x"])])).toEqual([]);
});

const at = (match: (event: Event) => boolean) => good.findIndex(match);
const without = (index: number) => good.filter((_, i) => i !== index);
const withFinal = (...records: [number, string][]) => [...good.slice(0, -1), final(...records)];
const inserted = (index: number, ...events: Event[]) => [...good.slice(0, index), ...events, ...good.slice(index)];
const end = good.length - 1;

it.each<[Anomaly["kind"], string, Event[]]>([
  ["lost write", "an acknowledged record is gone", withFinal([0, "a"], [2, "x1"], [3, "x2"])],
  ["lost write", "a committed record is gone", withFinal([0, "a"], [1, "b"])],
  ["lost write", "what was read is gone", [send("a"), polled("a", 0), final()]],
  ["duplicate", "an idempotent record is there twice", withFinal([0, "a"], [1, "b"], [2, "x1"], [3, "x2"], [4, "b"])],
  ["out of order", "two records changed places", [send("a"), send("b"), final([0, "b"], [1, "a"])]],
  ["phantom", "nobody sent it", withFinal([0, "a"], [1, "b"], [2, "x1"], [3, "x2"], [4, "z"])],
  ["phantom", "it was refused", [send("a"), { type: "refused", id: "a" }, final([0, "a"])]],
  ["misplaced", "it is elsewhere than was said", withFinal([0, "a"], [2, "x1"], [3, "x2"], [5, "b"])],
  ["aborted read", "an aborted record is there", withFinal([0, "a"], [1, "b"], [2, "x1"], [3, "x2"], [4, "y"])],
  ["aborted read", "an aborted record was read", inserted(end, polled("y", 4))],
  ["aborted read", "a transaction that nobody ended is there", [send("x", { tx: "x" }), final([0, "x"])]],
  [
    "pre-committed read",
    "it was read before the commit",
    inserted(
      at(({ type }) => type === "ending"),
      polled("x1", 2),
    ),
  ],
  ["torn transaction", "a half of it is there", withFinal([0, "a"], [1, "b"], [2, "x1"])],
  ["backward poll", "it is read again", inserted(end, polled("a", 0))],
  ["skipped poll", "one is left out", without(good.findIndex((event) => event.type === "polled" && event.id === "b"))],
  [
    "skipped poll",
    "the first is left out",
    without(good.findIndex((event) => event.type === "polled" && event.id === "a")),
  ],
  [
    "unseen",
    "the last is never read",
    without(good.findIndex((event) => event.type === "polled" && event.id === "x2")),
  ],
  [
    "commit ahead",
    "a group commits what it has not read",
    inserted(end, { type: "committing", group: "g", ...t, offset: 5 }),
  ],
])("%s: %s", (kind, _, history) => {
  expect(check(history, ["g"]).map((anomaly) => anomaly.kind)).toContain(kind);
});

it("a plain record may be there twice, and a consumer may go back when it begins anew", () => {
  const again: Event[] = [
    { type: "begun", consumer: "c", group: "g", ...t, offset: 0 },
    send("a", { isOnce: false }),
    polled("a", 0),
    { type: "begun", consumer: "c", group: "g", ...t, offset: 0 },
    polled("a", 0),
    polled("a", 1),
    final([0, "a"], [1, "a"]),
  ];
  expect(check(again, ["g"])).toEqual([]);
});
