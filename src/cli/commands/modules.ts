import type { Command } from 'commander';
import { didYouMean } from '../../config/near-miss.ts';
import { NotFoundError, UsageError } from '../../core/errors.ts';
import type { OptionField } from '../../modules/options.ts';
import { spacingText } from '../../modules/periodic-task.ts';
import type { ModuleEntry, ModuleListing } from '../../modules/registry.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import type { Column } from '../table.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('List the task modules that tasks may name.')
    .allowExcessArguments()
    .action(actionOf(listModules));
  command
    .command('show')
    .description('Print the options of a module.')
    .argument('<id>', 'id of the module')
    .action(actionOf(showModule));
  command
    .command('sync')
    .description(
      'Make rows of the tasks that the module files of this node declare with periodicTask: new ones are added, changed ones updated, and those that no file declares any more disabled. Nothing is written unless all of it is valid.',
    )
    .option('--plan', 'say what would be done, and do nothing')
    .action(actionOf(sync));
}

async function listModules(
  context: Context,
  _flags: unknown,
  { args }: Pick<Command, 'args'>,
): Promise<number> {
  const [word] = args;
  if (word !== undefined) {
    throw new UsageError(
      `modules: expected "show", "sync" or nothing, got ${JSON.stringify(word)}${didYouMean(word, ['show', 'sync'])}`,
    );
  }
  const { modules, faults } = await listing(context);
  const { output } = context;
  if (output.isJson) {
    output.document({ modules: modules.map(moduleJson), faults });
    return EXIT.ok;
  }
  output.table(COLUMNS, modules);
  for (const { file, message } of faults) {
    output.note(`no module from ${file}: ${message}`);
  }
  return EXIT.ok;
}

async function sync(context: Context, flags: { readonly plan?: boolean }): Promise<number> {
  const { syncModules } = await import('../modules/sync-modules.ts');
  return syncModules(context, flags);
}

async function showModule(context: Context, id: string): Promise<number> {
  const { modules, faults } = await listing(context);
  const entries = modules.filter((module) => module.id === id);
  if (entries.length === 0) {
    throw new NotFoundError(unknownText(id, { modules, faults }));
  }
  const { output } = context;
  if (output.isJson) {
    output.document({ modules: entries.map(moduleJson) });
    return EXIT.ok;
  }
  for (const entry of entries) {
    printModule(output, entry);
  }
  return EXIT.ok;
}

async function listing({ io, loadConfig }: Context): Promise<ModuleListing> {
  const registry = await openRegistry(await loadConfig(), io.cwd);
  return registry.list();
}

function unknownText(id: string, { modules, faults }: ModuleListing): string {
  const ids = [...new Set(modules.map((module) => module.id))].sort();
  const unread = faults.map(({ file, message }) => `; no module from ${file}: ${message}`).join('');
  return `there is no module ${JSON.stringify(id)}${didYouMean(id, ids)}; there are: ${ids.join(', ')}${unread}`;
}

const COLUMNS: readonly Column<ModuleEntry>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'RUNS IN', value: ({ place }) => placeText(place) },
  { title: 'FILE', value: ({ file }) => file ?? 'shipped', minWidth: 12 },
  {
    title: 'DESCRIPTION',
    value: ({ fault, description }) => (fault === undefined ? description : `unusable: ${fault}`),
    minWidth: 20,
    color: ({ fault }) => (fault === undefined ? undefined : 'red'),
  },
];

function placeText(place: ModuleEntry['place']): string {
  switch (place) {
    case 'runner':
      return 'the runner';
    case 'command':
      return 'a command';
    case 'child':
      return 'a child';
  }
}

function printModule(output: Output, entry: ModuleEntry): void {
  output.fields([
    ['module', entry.id],
    ['description', entry.description],
    ['runs in', placeText(entry.place)],
    ['file', entry.file ?? 'shipped with periodic-cron'],
    ...(entry.periodic === undefined ? [] : [['declared', spacingText(entry.periodic)] as const]),
    ...(entry.fault === undefined ? [] : [['unusable', entry.fault] as const]),
    ...(entry.options.length === 0 ? [['options', 'none'] as const] : []),
  ]);
  if (entry.options.length > 0) {
    output.line('');
    output.table(OPTION_COLUMNS, entry.options);
  }
}

const OPTION_COLUMNS: readonly Column<OptionField>[] = [
  { title: 'OPTION', value: ({ name }) => name },
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'DEFAULT', value: defaultText },
  {
    title: 'DESCRIPTION',
    value: ({ description, secret }) => `${secret ? 'secret; ' : ''}${description}`,
    minWidth: 20,
  },
];

function defaultText(field: OptionField): string {
  if (field.required) {
    return 'required';
  }
  return field.default === undefined || field.secret ? '-' : JSON.stringify(field.default);
}

function moduleJson({ id, place, file, description, options, periodic, fault }: ModuleEntry) {
  return {
    id,
    place,
    file: file ?? null,
    description,
    fault: fault ?? null,
    ...(periodic === undefined ? {} : { periodic }),
    options: options.map((field) => (field.secret ? { ...field, default: undefined } : field)),
  };
}
