// @ts-self-types="./webp_module.d.ts"
// Source phase imports need no read permission; TypeScript cannot parse them yet, hence JavaScript.
import source module from "@jsquash/webp/codec/dec/webp_dec.wasm";
export default module;
