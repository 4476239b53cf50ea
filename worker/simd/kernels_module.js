// @ts-self-types="./kernels_module.d.ts"
// Source phase imports need no read permission; TypeScript cannot parse them yet, hence JavaScript.
import source module from "./kernels.wasm";
export default module;
