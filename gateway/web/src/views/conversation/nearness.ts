/** Tells when an element comes near what is seen, once. */
export interface Nearness {
  /** Calls back at once where this cannot be told. Returns how to give it up. */
  whenNear(element: Element, callback: () => void): () => void;
  end(): void;
}

/** About two screens ahead: what is laid out there is ready when it is reached, at any speed of reading. */
const aheadPx = 1_600;

/** For the elements inside what scrolls. One observer for all. */
export function watchNearness(scroller: Element): Nearness {
  const callbacks = new Map<Element, () => void>();
  const observer = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        callbacks.get(target)?.();
        callbacks.delete(target);
      }
    },
    { root: scroller, rootMargin: `${aheadPx}px 0px` },
  );
  return {
    whenNear(element, callback) {
      callbacks.set(element, callback);
      observer.observe(element);
      return () => {
        callbacks.delete(element);
        observer.unobserve(element);
      };
    },
    end() {
      observer.disconnect();
      callbacks.clear();
    },
  };
}
