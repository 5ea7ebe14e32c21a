/** `varve/wire`: Kafka's protocol for an open log, so that every Kafka client can dial it. */
export { isLoopback } from "./listen-options.ts";
export { type Listener, type ListenOptions, listen } from "./listener.ts";
