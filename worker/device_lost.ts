// The loss of a device: of all that can go wrong in a computation, what a new device may mend.
import { HerdError } from "../shared/errors.ts";

/** The device is gone, and whatever was on it. */
export class DeviceLost extends HerdError {
  /** An error of the code "cluster". */
  constructor(message: string, options?: ErrorOptions) {
    super("cluster", message, options);
  }
}
