// @ts-self-types="./kernels_plain_module.d.ts"
// Source phase imports need no read permission; TypeScript cannot parse them yet, hence JavaScript.
import source module from "./kernels_plain.wasm";
export default module;
