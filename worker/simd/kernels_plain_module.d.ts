// The type of kernels_plain_module.js.
declare const module: WebAssembly.Module;
export default module;
