// Whether a process of this machine can connect to another one of it, as workers do.

/** Listens on a port of the loopback that the system chooses, and connects to it. @returns why that fails, or null */
export async function tryLoopback(hostname = "127.0.0.1"): Promise<string | null> {
  try {
    using listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const [here, there] = await Promise.all([listener.accept(), Deno.connect({ hostname, port })]);
    here.close();
    there.close();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
