package main

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// play plays the acts, one after the other.
func (f *fleet) play(ctx context.Context, c *cast) error {
	for _, act := range []func(context.Context, *cast) error{
		f.refill, f.everybodyComes, f.somebodyRenames, f.twoAreKilled, f.twoComeBack,
	} {
		if err := act(ctx, c); err != nil {
			return err
		}
		c.now = c.now.Add(time.Second)
	}
	return nil
}

// refill is for a store of an earlier run, whose doubles are gone.
func (f *fleet) refill(ctx context.Context, _ *cast) error {
	again := false
	for _, backend := range mirrorNames {
		switch err := f.store.Resync(ctx, backend); {
		case err == nil:
			again = true
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	if again {
		f.say("An earlier run brought these people to its own doubles. Those of now are empty, so all are brought there once more (Resync).")
	}
	return nil
}

func (f *fleet) everybodyComes(ctx context.Context, c *cast) error {
	f.say("Three bots and a deliverer start, on one store.")
	if err := f.start(ctx, news, shop, guild, deliverer); err != nil {
		return err
	}
	f.say("\nEverybody comes. A third of Telegram's people press Start at both bots, in the same second: one creates them, the other knows them.")
	newsFrom, newsTo := c.news()
	shopFrom, shopTo := c.shop()
	if err := errors.Join(
		pushUpdates(f.telegram[news], c.press(newsFrom, newsTo)),
		pushUpdates(f.telegram[shop], c.press(shopFrom, shopTo)),
		f.push(c.say("hello")),
	); err != nil {
		return err
	}
	return f.settled(ctx, c.names(c.known()))
}

func (f *fleet) somebodyRenames(ctx context.Context, c *cast) error {
	both, _ := c.shop()
	f.say("\nOne who talks to both bots changes the first name and writes to %s. The other bot then has nothing to say.", news)
	c.rename(both, "Renamed")
	if err := pushUpdates(f.telegram[news], c.write(both, both+1, "it's me")); err != nil {
		return err
	}
	if err := f.settled(ctx, c.names(c.known())); err != nil {
		return err
	}
	if err := pushUpdates(f.telegram[shop], c.write(both, both+1, "me too")); err != nil {
		return err
	}
	return f.settled(ctx, c.names(c.known()))
}

func (f *fleet) twoAreKilled(ctx context.Context, c *cast) error {
	f.say("\nOne more renames. While Monosay has the request and has not answered, the deliverer is killed.")
	caught := f.mirrors.door.catch()
	c.rename(0, "Caught")
	if err := pushUpdates(f.telegram[news], c.write(0, 1, "new name")); err != nil {
		return err
	}
	if err := f.await(ctx, "nothing is delivered", func() (bool, error) {
		select {
		case <-caught:
			return true, nil
		default:
			return false, nil
		}
	}); err != nil {
		return err
	}
	if err := f.kill(deliverer); err != nil {
		return err
	}

	from, to := c.shop()
	f.say("\nEverybody at %s renames at once. It is killed in the middle of that.", shop)
	for i := from; i < to; i++ {
		c.rename(i, "New"+c.telegram[i].FirstName)
	}
	before, middle := f.outcomes(shop), (from+to)/2
	if err := pushUpdates(f.telegram[shop], c.write(from, middle, "look, a new name")); err != nil {
		return err
	}
	if err := f.await(ctx, shop+" saves nobody", func() (bool, error) { return f.outcomes(shop) > before, nil }); err != nil {
		return err
	}
	if err := errors.Join(pushUpdates(f.telegram[shop], c.write(middle, to, "look, a new name")), f.kill(shop)); err != nil {
		return err
	}

	f.say("\nMeanwhile two press Start at %s, which Telegram keeps for it. The other bots go on, and what they save is owed.", shop)
	if err := pushUpdates(f.telegram[shop], c.press(c.known(), len(c.telegram))); err != nil {
		return err
	}
	for i := range c.discord {
		c.discord[i].GlobalName += " Jr."
	}
	if err := f.push(c.say("hello again")); err != nil {
		return err
	}
	kept := c.names(0)          // those of Discord
	maps.Copy(kept, c.names(1)) // and who was caught
	if err := f.saved(ctx, kept); err != nil {
		return err
	}
	owed, err := f.owed(ctx)
	f.say("    Owed, and nobody delivers: %d people to Monosay, %d to the webhook.", owed["monosay"], owed["webhook"])
	return err
}

func (f *fleet) twoComeBack(ctx context.Context, c *cast) error {
	f.say("\nBoth start again. What %s had seen and not saved comes back with people's next message;\n"+
		"whom the dead deliverer had in its hands comes last, once its claim of %v is over.", shop, 2*callTimeout+10*time.Second)
	if err := f.start(ctx, shop, deliverer); err != nil {
		return err
	}
	from, to := c.shop()
	if err := pushUpdates(f.telegram[shop], c.write(from, to, "are you back?")); err != nil {
		return err
	}
	return f.settled(ctx, c.names(len(c.telegram)))
}

// outcomes is how many observations a process has told the end of.
func (f *fleet) outcomes(process string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reported[process]
}
