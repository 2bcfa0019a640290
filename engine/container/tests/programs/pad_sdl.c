/*
 * A title for tests that plays with gamepads as a game of SDL 2 does, and says what it finds in the pipe `home/out/says`. On A it rumbles.
 *
 * The declarations are those of SDL's own headers, of which only these few are needed: the test links the library that games bring.
 */
#include <stdint.h>
#include <stdio.h>

typedef struct _SDL_GameController SDL_GameController;
typedef union {
	uint32_t type;
	struct {
		uint32_t type, timestamp;
		int32_t which;
	} device;
	struct {
		uint32_t type, timestamp;
		int32_t which;
		uint8_t button, state;
	} button;
	struct {
		uint32_t type, timestamp;
		int32_t which;
		uint8_t axis, padding[3];
		int16_t value;
	} axis;
	uint8_t size[128];
} SDL_Event;

enum {
	INIT_VIDEO = 0x20,
	INIT_HAPTIC = 0x1000,
	INIT_GAMECONTROLLER = 0x2000,
	AXIS = 0x650,
	DOWN,
	UP,
	ADDED,
	REMOVED
};

int SDL_Init(uint32_t flags);
const char *SDL_GetError(void);
int SDL_WaitEvent(SDL_Event *event);
SDL_GameController *SDL_GameControllerOpen(int index);
void SDL_GameControllerClose(SDL_GameController *pad);
const char *SDL_GameControllerName(SDL_GameController *pad);
const char *SDL_GameControllerGetStringForButton(int button);
const char *SDL_GameControllerGetStringForAxis(int axis);
SDL_GameController *SDL_GameControllerFromInstanceID(int32_t id);
int SDL_GameControllerRumble(SDL_GameController *pad, uint16_t strong, uint16_t weak, uint32_t millis);

int main(void)
{
	FILE *says = fopen("/home/out/says", "w");
	SDL_Event event;
	if (!says)
		return 1;
	setvbuf(says, NULL, _IOLBF, 0);
	if (SDL_Init(INIT_VIDEO | INIT_GAMECONTROLLER)) {
		fprintf(says, "SDL: %s\n", SDL_GetError());
		return 1;
	}
	fprintf(says, "ready\n");
	while (SDL_WaitEvent(&event)) {
		switch (event.type) {
		case ADDED:
			fprintf(says, "added %s\n", SDL_GameControllerName(SDL_GameControllerOpen(event.device.which)));
			break;
		case REMOVED:
			SDL_GameControllerClose(SDL_GameControllerFromInstanceID(event.device.which));
			fprintf(says, "removed\n");
			break;
		case DOWN:
		case UP: {
			SDL_GameController *pad = SDL_GameControllerFromInstanceID(event.button.which);
			fprintf(says, "%s %d\n", SDL_GameControllerGetStringForButton(event.button.button), event.button.state);
			if (event.button.button == 0 && SDL_GameControllerRumble(pad, event.button.state * 0x9000, 0, 60000))
				fprintf(says, "no rumble: %s\n", SDL_GetError());
			break;
		}
		case AXIS:
			fprintf(says, "%s %d\n", SDL_GameControllerGetStringForAxis(event.axis.axis), event.axis.value);
			break;
		}
	}
	return 0;
}
