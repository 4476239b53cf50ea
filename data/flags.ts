// The flags that name a data set, for every command that needs one.
import { about, type Flag, number, text, toggle } from "../shared/cli/flags.ts";
import { MOST } from "../shared/protocol.ts";

/** Which data set, and the size of its images. */
export const dataFlags: {
  readonly data: Flag<string>;
  readonly "image-size": Flag<number>;
  readonly "validation-split": Flag<number | undefined>;
  readonly "skip-unreadable": Flag<boolean>;
} = about("data", {
  data: text("SET", "auto, horses-or-humans, procedural, or a folder or zip with a folder for each class", "auto"),
  "image-size": number({ help: "side of the images in pixels (area average)", min: 1, max: MOST.imageSize }, 300),
  "validation-split": number(
    {
      help: "part of each class that is kept for testing, of data without test images",
      min: 0.001,
      max: 0.999,
      whole: false,
      shown: "0.2",
    },
    undefined,
  ),
  "skip-unreadable": toggle("go on without image files that cannot be read; the report lists them"),
});
