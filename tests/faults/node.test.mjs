// The fault table through the npm package, in Node.

import * as lockkeeper from "lockkeeper";
import { call } from "./call.js";
import { runTable } from "./table.mjs";

runTable("Node", (question) => call(lockkeeper, question));
