/* @ts-self-types="./headwater.d.ts" */
import * as wasm from "./headwater_bg.wasm";
import { __wbg_set_wasm } from "./headwater_bg.js";

__wbg_set_wasm(wasm);
wasm.__wbindgen_start();
