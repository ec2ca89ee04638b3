// Starts the library: its binary is a file of its own, which the browser compiles on the side.

import { init } from "lockkeeper";

const response = await fetch("dist/lockkeeper.wasm");
if (!response.ok) throw new Error(`dist/lockkeeper.wasm: status ${response.status}`);
init(await WebAssembly.compile(await response.arrayBuffer()));
