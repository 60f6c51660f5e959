import { defineConfig } from 'eslint/config'
import ts from 'typescript-eslint'

export default defineConfig(
  { ignores: ['**/dist', '**/generated', 'target', 'tests/results', 'tests/.cache', '**/node_modules'] },
  {
    files: ['js-wrapper/src/**/*.ts', 'tests/**/*.ts'],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // The page may have taken away what the types promise.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // An empty string or a zero is none, more often than not.
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/restrict-plus-operands': ['error', { allowNumberAndString: true }],
      '@typescript-eslint/consistent-type-definitions': 'off',
    },
  },
  {
    files: ['js-wrapper/src/hooks/**/*.ts'],
    rules: {
      // Native methods are taken on purpose without their object; they are called with `Reflect.apply`.
      '@typescript-eslint/unbound-method': 'off',
      // What the page has thrown is thrown on, whatever it is.
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
)
