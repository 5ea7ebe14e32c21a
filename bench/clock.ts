/**
 * The time that work takes, in milliseconds: on the wall; or, with `--clock cpu`, on the processors, all threads of this process
 * together. The latter is what to look at while the machine is busy with other things. It says nothing of what waits.
 */
export type Clock = "wall" | "cpu";

/** The process that was given the command tells the ones that it starts. */
export const CLOCK_VARIABLE = "VARVE_BENCH_CLOCK";

/** What the mode of a subject ends with that was timed by the wall all the same. */
export const ON_THE_WALL = "; on the wall";

export const now: () => number = process.env[CLOCK_VARIABLE] === "cpu" ? processorTime : () => performance.now();

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
