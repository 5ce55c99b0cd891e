// What the pages do better with a script; they work without it.
"use strict";

// The same moment in the reader's own time.
for (const time of document.querySelectorAll("time")) {
	const when = new Date(time.dateTime);

	if (!Number.isNaN(when.getTime()))
		time.title = when.toLocaleString() + " here";
}

// "/" goes to the search, as in many places.
document.addEventListener("keydown", (event) => {
	const field = document.querySelector("#subject");
	const busy = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);

	if (event.key !== "/" || busy || !field || event.ctrlKey || event.metaKey)
		return;
	event.preventDefault();
	field.focus();
});

// Empty fields are left out of the search's address.
for (const form of document.querySelectorAll("form.search"))
	form.addEventListener("formdata", (event) => {
		for (const [name, value] of [...event.formData])
			if (value === "")
				event.formData.delete(name);
	});

// An act is sent once; coming back to it, it may be sent again.
for (const form of document.querySelectorAll("form.act")) {
	const buttons = form.querySelectorAll("button");

	form.addEventListener("submit", () => setTimeout(() => {
		for (const button of buttons)
			button.disabled = true;
	}, 0));
	addEventListener("pageshow", () => {
		for (const button of buttons)
			button.disabled = false;
	});
}

// What is being counted is there in a moment.
if (document.querySelector(".waiting"))
	setTimeout(() => location.reload(), 1500);
