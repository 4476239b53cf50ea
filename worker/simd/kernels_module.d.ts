// The type of kernels_module.js.
declare const module: WebAssembly.Module;
export default module;
