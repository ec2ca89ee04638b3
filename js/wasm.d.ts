/** The binary that `init` of `lockkeeper/slim` takes, as bundlers and runtimes that compile it hand it over. */
declare const binary: WebAssembly.Module;
export default binary;
