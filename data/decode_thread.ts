// The module of a thread that decodes images, one at a time. It is given their bytes and may do nothing but compute.
import { HerdError, messageOf } from "../shared/errors.ts";
import { type DecodeOrder, type SquareImage, squareImage } from "./square_image.ts";

/** What a thread answers: the image, or the sentence that says what is wrong with it, or what a bug has thrown. */
export type DecodeAnswer =
  | { readonly image: SquareImage }
  | { readonly unreadable: string }
  | { readonly bug: string; readonly stack: string | undefined };

/** What a thread has of the other side. */
interface Port {
  addEventListener(type: "message", listener: (event: MessageEvent<DecodeOrder>) => void): void;
  postMessage(answer: DecodeAnswer): void;
}

async function answer(order: DecodeOrder): Promise<DecodeAnswer> {
  try {
    return { image: await squareImage(order) };
  } catch (error) {
    if (error instanceof HerdError) return { unreadable: error.message };
    return { bug: messageOf(error), stack: error instanceof Error ? error.stack : undefined };
  }
}

const port = self as unknown as Port;
port.addEventListener("message", async ({ data }) => port.postMessage(await answer(data)));
