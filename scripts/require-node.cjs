// Loaded before a script in TypeScript, by any Node: an old one would only say that it does not know the ending of the file.
if (!process.features.typescript) {
  const isBrought = ['linux x64', 'linux arm64', 'win32 x64'].includes(
    `${process.platform} ${process.arch}`,
  )
  const remedy = isBrought
    ? 'npm install brings one: run it first, then start this with npm run.'
    : 'Install a newer one from https://nodejs.org.'
  console.error(
    `This needs Node 22.18 or later, and this is Node ${process.versions.node}.\n${remedy}`,
  )
  process.exit(1)
}
