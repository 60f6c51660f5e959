/** `npm start`: sets up, builds, and runs the demo site with its collector. Parameters go to the site. */
import { build, buildDemo } from './build.mjs'
import { become, say } from './run.mjs'

await build()
buildDemo()
say('Starting the demo site')
become('cargo', ['run', '--locked', '--quiet', '-p', 'headwater-demo', '--', ...process.argv.slice(2)])
