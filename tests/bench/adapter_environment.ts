// The software adapter as workers have it: set before anything asks for one.
import { cacheDirectory } from "../../data/mod.ts";
import { setSoftwareAdapterEnvironment } from "../../shared/software_adapter.ts";

setSoftwareAdapterEnvironment(cacheDirectory(Deno.env.toObject()));
