// The type of webp_module.js.
declare const module: WebAssembly.Module;
export default module;
