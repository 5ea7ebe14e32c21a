/** Ports on the loopback that nobody has; for servers in another process, which are told them. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** One from `from` on with the one 10,000 above it, on which the script `kafka` puts the controller. */
export async function freeKafkaPort(from: number): Promise<number> {
  for (let port = from + (process.pid % 1000); port < 30_000; port++) {
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error("no pair of ports is free");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
