export function __wbg_log_05b08dbeac2a0aa5(arg0, arg1, arg2) {
    host.log(arg0 >>> 0, arg1 >>> 0, arg2 >>> 0);
}
export function __wbg_matches_78c06d5b839a7efc(arg0, arg1) {
    const ret = host.matches(arg0 >>> 0, arg1 >>> 0);
    return ret;
}
export function __wbg_origin_e52ca1b8cd5cf066(arg0, arg1) {
    const ret = host.origin(arg0 >>> 0, arg1 >>> 0);
    return ret;
}
export function __wbg_random_d083d2d32cd0c829(arg0, arg1) {
    host.random(arg0 >>> 0, arg1 >>> 0);
}
export function __wbg_send_fc7a34fc274a64c8(arg0, arg1, arg2, arg3, arg4) {
    host.send(arg0 >>> 0, arg1 >>> 0, arg2 >>> 0, arg3 >>> 0, arg4 !== 0);
}
export function __wbg_startTimer_f4fe65d751142554(arg0) {
    host.startTimer(arg0);
}
export function __wbg_wallClock_522b5c26309f2e4c() {
    const ret = host.wallClock();
    return ret;
}
export function __wbindgen_init_externref_table() {
    const table = wasm.__wbindgen_externrefs;
    table.set(0, undefined);
    table.set(1024, undefined);
    table.set(1025, null);
    table.set(1026, true);
    table.set(1027, false);
}

let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}
