import { digestOf } from '../domain/digest.js';
import { type ImageSpec, imageVersion } from '../domain/image.js';
import { componentName, isWatched, mailOf, ownerOf, type WatchSpec } from '../domain/watch.js';
import { Arrivals, type KnownPlace, type Look } from '../ports/arrivals.js';

/** The image catalogue: an image that comes from other bytes, or is made in another way, is a new version. */
export class ImageArrivals extends Arrivals {
  constructor(private readonly images: () => Promise<readonly ImageSpec[]>) {
    super();
  }

  override async look(watch: WatchSpec, known: KnownPlace): Promise<Look> {
    const all = await this.images().catch((error: Error) => error);
    if (all instanceof Error) return { kind: 'unreadable', why: `the image catalogue: ${all.message}` };
    const images = all.filter(({ name }) => isWatched(watch, name));
    const mark = digestOf(images);
    if (mark === known.mark) return { kind: 'as_before' };
    const arrivals = images.map((image) => {
      const owner = ownerOf(watch, [image.name], mailOf(image.owner));
      return {
        component: componentName(watch, image.name),
        version: imageVersion(image),
        title: image.meaning,
        ...(image.owner === undefined ? {} : { author: image.owner }),
        ...(owner === undefined ? {} : { owner }),
        facts: { name: image.name },
      };
    });
    return { kind: 'read', arrivals, isAll: true, mark };
  }
}
