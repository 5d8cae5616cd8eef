import { Controller, Inject } from '@nestjs/common';
import { diffInventories, type InventoryChange, inventoryDigest } from '../domain/inventory/diff.js';
import type { Inventory } from '../domain/inventory.js';
import { readAppliedInventory } from '../store/applied-inventory.js';
import { applyInventory } from '../store/inventory.js';
import type { Store } from '../store/store.js';
import type { InventoryApplied, InventoryChangeView, InventoryDiff, InventoryView } from './contract.js';
import { INJECT, type InventoryForm } from './deps.js';
import { type Mistake, Refusal, unprocessable } from './problem.js';
import { printable } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';

type SentFiles = Asked<'diffInventory'>['body']['files'];

/** The inventory: what is applied, and what another one would change. */
@Controller()
export class InventoryController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.inventory) private readonly form: InventoryForm,
  ) {}

  @Serves('readInventory')
  async read(): Promise<InventoryView> {
    const inventory = await readAppliedInventory(this.store);
    const files = [...this.form.print(inventory)].map(([path, bytes]) => ({
      path,
      content: Buffer.from(bytes).toString('base64'),
    }));
    return { digest: inventoryDigest(inventory), files };
  }

  @Serves('diffInventory')
  async diff(@Ask() ask: Asked<'diffInventory'>): Promise<InventoryDiff> {
    const { inventory, warnings } = this.understand(ask.body.files);
    const changes = diffInventories(await readAppliedInventory(this.store), inventory);
    return { digest: inventoryDigest(inventory), changes: changes.map(view), warnings: [...warnings] };
  }

  @Serves('applyInventory')
  async apply(@Ask() ask: Asked<'applyInventory'>): Promise<InventoryApplied> {
    const { inventory, warnings } = this.understand(ask.body.files);
    const applied = await applyInventory(this.store, inventory, {
      actor: ask.caller.name,
      drain: ask.body.drain,
    });
    if (applied.kind === 'refused') {
      const errors = applied.problems.map(({ what, message }) => ({ where: what, message }));
      throw new Refusal(409, 'conflict', 'The inventory is not applied: it takes away what is in use', {
        errors,
      });
    }
    const { digest } = applied;
    if (applied.kind === 'unchanged')
      return { changed: false, digest, changes: [], draining: [], warnings: [...warnings] };
    const { changes, draining } = applied;
    return {
      changed: true,
      digest,
      changes: changes.map(view),
      draining: [...draining],
      warnings: [...warnings],
    };
  }

  /** The inventory in these files; refused with everything that is wrong with it at once. */
  private understand(files: SentFiles): {
    readonly inventory: Inventory;
    readonly warnings: readonly Mistake[];
  } {
    const found = new Map<string, Uint8Array>();
    const twice: Mistake[] = [];
    files.forEach(({ path, content }, index) => {
      if (found.has(path))
        twice.push({ where: `files[${index}].path`, message: `'${printable(path)}' is there twice` });
      found.set(path, Buffer.from(content, 'base64'));
    });
    if (twice.length > 0) throw unprocessable('The inventory is not understood', twice);
    const read = this.form.read(found);
    if (!read.ok) throw unprocessable('The inventory is wrong', read.problems.map(mistake));
    return { inventory: read.inventory, warnings: read.warnings.map(mistake) };
  }
}

function mistake({ file, ...problem }: { readonly file: string } & Omit<Mistake, 'where'>): Mistake {
  return { where: file, ...problem };
}

function view({ fields, ...change }: InventoryChange): InventoryChangeView {
  return { ...change, fields: fields.map((field) => ({ ...field })) };
}
