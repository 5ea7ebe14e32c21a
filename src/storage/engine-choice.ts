/**
 * Which engine runs: the native module where it is there, TypeScript where it is not, or what the caller insists on.
 *
 *   "auto"     the native module if it can be loaded; else TypeScript, with the reason at hand
 *   "native"   the native module, or an error
 *   "ts"       TypeScript
 *
 * The environment variable VARVE_ENGINE stands in for a choice that nobody made.
 */
import { VarveError } from "../errors.ts";
import { loadNative, type Native, type NativeBinding } from "../native.ts";

export const ENGINES = ["auto", "native", "ts"] as const;

export type EngineChoice = (typeof ENGINES)[number];

export interface ChosenEngine {
  /** Undefined: TypeScript. */
  native: Native | undefined;
  /** Why it is not the native one, where nobody had asked for TypeScript. */
  error: VarveError | undefined;
}

/** Throws when "native" was asked for and is not there. */
export function chooseEngine(
  asked: EngineChoice | undefined,
  binding: NativeBinding | undefined,
  environment = process.env.VARVE_ENGINE,
): ChosenEngine {
  const choice = asked ?? choiceOf(environment);
  if (choice === "ts") return { native: undefined, error: undefined };
  const { native, error } = loadNative(binding);
  if (error && choice === "native") throw error;
  return { native, error };
}

/** What files use that nobody has told: the choice of the environment, without a word when the module is missing. */
export function defaultNative(): Native | undefined {
  return chooseEngine(undefined, undefined).native;
}

function choiceOf(environment: string | undefined): EngineChoice {
  if (environment === undefined || environment === "") return "auto";
  const choice = ENGINES.find((engine) => engine === environment);
  if (choice) return choice;
  const message = `VARVE_ENGINE is ${JSON.stringify(environment)}; one of ${ENGINES.join(", ")} was expected`;
  throw new VarveError("VARVE_INVALID_OPTION", message, { option: "VARVE_ENGINE" });
}
