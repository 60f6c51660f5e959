/* tslint:disable */
/* eslint-disable */
export const memory: WebAssembly.Memory;
export const __getrandom_v03_custom: (a: number, b: number) => number;
export const adopt: (a: number, b: number) => void;
export const answer: () => number;
export const configure: (a: number, b: number, c: number, d: number, e: number) => number;
export const endPageLoad: (a: number, b: number, c: number, d: number, e: number, f: number) => void;
export const endRequest: (a: number, b: number, c: number) => void;
export const failRequest: (a: number, b: number, c: number, d: number) => void;
export const flush: () => void;
export const input: () => number;
export const leave: (a: number) => void;
export const mergeTracestate: (a: number, b: number) => number;
export const resource: (a: number, b: number, c: number, d: number, e: number, f: number) => void;
export const settle: (a: number, b: number) => void;
export const start: (a: number, b: number) => number;
export const startRequest: (a: number, b: number, c: number, d: number) => number;
export const timer: () => void;
export const __wbindgen_externrefs: WebAssembly.Table;
export const __wbindgen_start: () => void;
