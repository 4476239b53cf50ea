// Keeps browsers' pages out. A browser says with every WebSocket from which page it comes (Origin), and nothing can make it
// lie; a program that says nothing is no browser, and whatever name it has reached the coordinator by is its own business.
import { isIP } from "node:net";

/** The headers that tell. */
export interface PageHeaders {
  /** The page that asks. */
  readonly origin?: string | undefined;
  /** Whom it asks. */
  readonly host?: string | undefined;
}

/**
 * Whether a request comes from a page that is not the coordinator's own. Own is a page of the very scheme, host and port that
 * the request is for, if that host is an address, localhost, or the name that the coordinator listens under. Any other name
 * may be one that its owner has pointed at the coordinator to make a foreign page pass for its own (DNS rebinding).
 * @param door what the coordinator listens under, and whether it encrypts
 */
export function isForeignPage(
  { origin, host }: PageHeaders,
  door: { readonly hostname: string; readonly isSecure: boolean },
): boolean {
  if (origin === undefined) return false;
  const own = URL.parse(`${door.isSecure ? "https" : "http"}://${host}`);
  if (own === null || origin !== own.origin) return true;
  return !isOwnName(own.hostname, door.hostname);
}

/** Whether a host name in a URL is one that nobody else can have pointed here: an address, localhost, or what is listened under. */
export function isOwnName(name: string, hostname: string): boolean {
  const bare = name.replace(/^\[|\]$/g, "");
  return isIP(bare) !== 0 || bare === "localhost" || bare === hostname.toLowerCase();
}
