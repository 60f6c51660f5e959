/** Those that can be had as packages, and need nothing else. */
import { autotelDevtools } from './autotel-devtools.js'
import type { RealCollector } from './collector.js'
import { mlflow } from './mlflow.js'
import { otelite } from './otelite.js'
import { phoenix } from './phoenix.js'
import { rotel } from './rotel.js'

export const REAL_COLLECTORS: readonly RealCollector[] = [rotel, otelite, autotelDevtools, phoenix, mlflow]
